// CloudSettings
