// NetworkAgent
