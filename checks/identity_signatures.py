"""What clients sign and count when they log in without a password: one-time passwords, EC2's and S3's signatures, OAuth's
requests. EC2's are made by keystoneclient, OAuth's by oauthlib. To be imported by the Python of the tools from PyPI."""

import base64
import datetime
import hashlib
import hmac
import struct
import time
import urllib.parse

import oauthlib.oauth1
from keystoneclient.contrib.ec2.utils import Ec2Signer

OAUTH = "/identity/v3/OS-OAUTH1"
EMPTY_BODY = hashlib.sha256(b"").hexdigest()


def passcode(seed, step):
    """The one-time password of a half minute (RFC 6238); the seed is base32."""
    code = hmac.new(base64.b32decode(seed), struct.pack(">Q", step), hashlib.sha1).digest()
    start = code[-1] & 15
    return f"{(struct.unpack('>I', code[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def step_now():
    return int(time.time()) // 30


def moment(age):
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)


def signed_version_2(access, secret, age=0):
    """What a service passes to `/v3/ec2tokens` about a request with a signature of version 2."""
    request = {"access": access, "verb": "GET", "host": "ec2.example.org:8773", "path": "/services/Cloud", "params": {
        "AWSAccessKeyId": access, "Action": "DescribeInstances", "Filter.1.Value": "a b/ü~", "SignatureVersion": "2",
        "SignatureMethod": "HmacSHA256", "Timestamp": moment(age).strftime("%Y-%m-%dT%H:%M:%SZ")}}
    request["signature"] = Ec2Signer(secret).generate(request)
    return {"credentials": request}


def signed_version_4(access, secret, age=0):
    """What a service passes to `/v3/ec2tokens` about a request with a signature of version 4 in its header."""
    stamp = moment(age).strftime("%Y%m%dT%H%M%SZ")
    authorization = (f"AWS4-HMAC-SHA256 Credential={access}/{stamp[:8]}/RegionOne/ec2/aws4_request, "
                     "SignedHeaders=host;x-amz-date, Signature=")
    request = {"access": access, "verb": "GET", "host": "ec2.example.org", "path": "/", "body_hash": EMPTY_BODY,
               "params": {"Action": "DescribeInstances", "Version": "2016-11-15"},
               "headers": {"Host": "ec2.example.org", "X-Amz-Date": stamp, "Authorization": authorization}}
    request["signature"] = Ec2Signer(secret).generate(request)
    request["headers"]["Authorization"] += request["signature"]
    return {"credentials": request}


def signed_text(access, secret, service="s3", age=0):
    """What object storage passes to `/v3/s3tokens`: a text to sign of version 4, and its signature."""
    stamp = moment(age).strftime("%Y%m%dT%H%M%SZ")
    scope = [stamp[:8], "RegionOne", service, "aws4_request"]
    request = f"GET\n/bucket/object\n\nhost:s3.example.org\nx-amz-date:{stamp}\n\nhost;x-amz-date\n{EMPTY_BODY}"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, "/".join(scope), hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + secret).encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return {"credentials": {
        "access": access, "signature": hmac.new(key, text.encode(), hashlib.sha256).hexdigest(),
        "token": base64.urlsafe_b64encode(text.encode()).decode(), "headers": {"X-Amz-Date": stamp}}}


class Consumer:
    """A consumer of OAuth 1.0a; its requests are signed by oauthlib."""

    def __init__(self, program, key, secret):
        self.program, self.key, self.secret = program, key, secret

    def post(self, path, headers=None, method=oauthlib.oauth1.SIGNATURE_HMAC_SHA1, **parameters):
        """Sends a signed request; returns its status and the form it answers."""
        client = oauthlib.oauth1.Client(self.key, client_secret=self.secret, signature_method=method, **parameters)
        url = self.program.url + OAUTH + path
        _, signed, _ = client.sign(url, http_method="POST", headers=headers or {})
        status, _, answer = self.program.http("POST", OAUTH + path, headers=signed)
        form = urllib.parse.parse_qs(answer.decode()) if isinstance(answer, bytes) else {}
        return status, {name: values[0] for name, values in form.items()} or answer

    def request_token(self, project, **parameters):
        return self.post("/request_token", {"Requested-Project-Id": project}, callback_uri="oob", **parameters)

    def access_token(self, request, verifier):
        return self.post("/access_token", resource_owner_key=request["oauth_token"],
                         resource_owner_secret=request["oauth_token_secret"], verifier=verifier)
