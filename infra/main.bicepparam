using './main.bicep'

// Set with `azd env set NAME VALUE`.
param location = readEnvironmentVariable('AZURE_LOCATION')
param name = readEnvironmentVariable('LEEWARD_NAME', 'leeward')
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'leeward')
param audience = readEnvironmentVariable('LEEWARD_AUDIENCE')
param storageSku = readEnvironmentVariable('LEEWARD_STORAGE_SKU', 'Standard_ZRS')
param privateEndpoints = bool(readEnvironmentVariable('LEEWARD_PRIVATE_ENDPOINTS', 'false'))
param durableBackend = readEnvironmentVariable('LEEWARD_DURABLE_BACKEND', 'storage')
param alwaysReady = int(readEnvironmentVariable('LEEWARD_ALWAYS_READY', '0'))
param otlpEndpoint = readEnvironmentVariable('LEEWARD_OTLP_ENDPOINT', '')
param protectByTag = bool(readEnvironmentVariable('LEEWARD_PROTECT_BY_TAG', 'false'))
param tagTargetGroup = readEnvironmentVariable('LEEWARD_TAG_TARGET_GROUP', '')
param peerUrl = readEnvironmentVariable('LEEWARD_PEER_URL', '')
