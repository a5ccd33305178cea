// Tests of CloudBus.
