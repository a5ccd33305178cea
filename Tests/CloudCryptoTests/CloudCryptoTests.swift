// Tests of CloudCrypto.
