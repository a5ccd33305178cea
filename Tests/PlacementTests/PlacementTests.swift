// Tests of Placement.
