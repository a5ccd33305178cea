// Tests of NetworkAgent.
