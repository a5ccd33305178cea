"""What schemathesis is told before it runs: Glance's patches are JSON by other names."""

import schemathesis

schemathesis.serializer.alias(
    ["application/openstack-images-v2.1-json-patch", "application/openstack-images-v2.0-json-patch"], "application/json")
