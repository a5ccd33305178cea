// Every endpoint names statuses, methods and headers; whoever imports CloudAPI has their types.
@_exported import HTTPTypes
