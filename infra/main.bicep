// Leeward's control plane: one Functions app (Flex Consumption) with its own identity, in the region that machines fail
// over *to*. Everything it keeps is in the target account; the app itself can be deployed anew over it at any time.
targetScope = 'resourceGroup'

@description('The region that machines fail over to. Never the region that the app must outlive.')
param location string = resourceGroup().location

@description('Short name, part of the names of all resources.')
@minLength(2)
@maxLength(10)
param name string = 'leeward'

@description('Application (client) id of the app registration that callers ask tokens for.')
param audience string

@description('How often points are looked for that are due, NCRONTAB.')
param pointSchedule string = '0 * * * * *'

@description('OTLP/HTTP endpoint of an OpenTelemetry collector for metrics; empty sends none.')
param otlpEndpoint string = ''

var unique = uniqueString(subscription().id, resourceGroup().id, name)
var tags = { 'leeward-role': 'control-plane' }

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-identity'
  location: location
  tags: tags
}

module storage 'app/storage.bicep' = {
  name: 'storage'
  params: {
    accountName: take('${name}${unique}', 24)
    location: location
    principalId: identity.properties.principalId
    tags: tags
  }
}

module vault 'app/key-vault.bicep' = {
  name: 'key-vault'
  params: {
    vaultName: take('${name}-${unique}', 24)
    location: location
    principalId: identity.properties.principalId
    tags: tags
  }
}

module app 'app/function-app.bicep' = {
  name: 'function-app'
  params: {
    appName: '${name}-${unique}'
    location: location
    identityId: identity.id
    identityClientId: identity.properties.clientId
    accountName: storage.outputs.accountName
    deploymentContainer: storage.outputs.deploymentContainer
    keyId: vault.outputs.keyId
    audience: audience
    pointSchedule: pointSchedule
    otlpEndpoint: otlpEndpoint
    tags: tags
  }
}

output endpoint string = 'https://${app.outputs.hostName}'
output identityPrincipalId string = identity.properties.principalId
