// Tests of CloudAPI.
