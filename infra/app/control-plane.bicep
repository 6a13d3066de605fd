// Everything of the control plane's own group, wired together.
param location string
param name string
param audience string
param storageSku string
param privateEndpoints bool
param durableBackend string
param platformAuthentication bool
param alwaysReady int
param pointSchedule string
param otlpEndpoint string
param tagTargetGroup string
param peerUrl string
param tags object

var unique = uniqueString(subscription().id, resourceGroup().id, name)
var publicNetworkAccess = privateEndpoints ? 'Disabled' : 'Enabled'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-identity'
  location: location
  tags: tags
}

module storage 'storage.bicep' = {
  name: 'storage'
  params: {
    accountName: take('${toLower(replace(name, '-', ''))}${unique}', 24)
    location: location
    sku: storageSku
    publicNetworkAccess: publicNetworkAccess
    principalId: identity.properties.principalId
    tags: tags
  }
}

module vault 'key-vault.bicep' = {
  name: 'key-vault'
  params: {
    vaultName: take('${name}-${unique}', 24)
    location: location
    publicNetworkAccess: publicNetworkAccess
    principalId: identity.properties.principalId
    tags: tags
  }
}

module monitoring 'monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: '${name}-${unique}'
    location: location
    principalId: identity.properties.principalId
    tags: tags
  }
}

module network 'private-network.bicep' = if (privateEndpoints) {
  name: 'private-network'
  params: {
    name: '${name}-network'
    location: location
    accountId: storage.outputs.accountId
    vaultId: vault.outputs.vaultId
    tags: tags
  }
}

module scheduler 'scheduler.bicep' = if (durableBackend == 'scheduler') {
  name: 'scheduler'
  params: {
    schedulerName: '${name}-${unique}'
    location: location
    principalId: identity.properties.principalId
    tags: tags
  }
}

module app 'function-app.bicep' = {
  name: 'function-app'
  params: {
    appName: '${name}-${unique}'
    location: location
    identityId: identity.id
    identityClientId: identity.properties.clientId
    accountName: storage.outputs.accountName
    deploymentContainer: storage.outputs.deploymentContainer
    keyId: vault.outputs.keyId
    connectionString: monitoring.outputs.connectionString
    subnetId: privateEndpoints ? network.outputs.appSubnetId : ''
    schedulerEndpoint: durableBackend == 'scheduler' ? scheduler.outputs.endpoint : ''
    platformAuthentication: platformAuthentication
    alwaysReady: alwaysReady
    audience: audience
    pointSchedule: pointSchedule
    otlpEndpoint: otlpEndpoint
    tagTargetGroup: tagTargetGroup
    peerUrl: peerUrl
    tags: tags
  }
}

output endpoint string = 'https://${app.outputs.hostName}'
output principalId string = identity.properties.principalId
output accountName string = storage.outputs.accountName
