// Tests of CloudStore.
