// Tests of CloudPolicy.
