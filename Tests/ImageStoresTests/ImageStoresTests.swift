// Tests of ImageStores.
