// Tests of Compute.
