// Tests of CloudCore.
