// Cloud
