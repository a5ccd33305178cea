// CloudCrypto
