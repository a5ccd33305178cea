// Tests of CloudSettings.
