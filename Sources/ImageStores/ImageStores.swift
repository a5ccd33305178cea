// ImageStores
