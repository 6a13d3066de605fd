// Flex Consumption, Node 22. The package is the esbuild bundle: no node_modules.
param appName string
param location string
param identityId string
param identityClientId string
param accountName string
param deploymentContainer string
param keyId string
param audience string
param pointSchedule string
param otlpEndpoint string
param tags object

var blobEndpoint = 'https://${accountName}.blob.${environment().suffixes.storage}'
var queueEndpoint = 'https://${accountName}.queue.${environment().suffixes.storage}'
var tableEndpoint = 'https://${accountName}.table.${environment().suffixes.storage}'

// Names that Azure gives its clouds, and those of this app's settings.
var clouds = { AzureCloud: 'public', AzureUSGovernment: 'usGovernment', AzureChinaCloud: 'china' }

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: appName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: appName
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}/${deploymentContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'node', version: '22' }
      scaleAndConcurrency: { instanceMemoryMB: 2048, maximumInstanceCount: 40 }
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: {
      AzureWebJobsStorage__blobServiceUri: blobEndpoint
      AzureWebJobsStorage__queueServiceUri: queueEndpoint
      AzureWebJobsStorage__tableServiceUri: tableEndpoint
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      AZURE_CLIENT_ID: identityClientId
      TASKHUB_NAME: 'leeward1'
      // V8 counts the bytes of buffers as heap and would collect a small heap for every few of them: docs/benchmarks.md.
      languageWorkers__node__arguments: '--initial-old-space-size=512'
      LEEWARD_ARM_ENDPOINT: environment().resourceManager
      LEEWARD_ARM_AUDIENCE: environment().authentication.audiences[0]
      LEEWARD_CLOUD: clouds[environment().name]
      LEEWARD_SUBSCRIPTION_ID: subscription().subscriptionId
      LEEWARD_REGION: location
      LEEWARD_TARGET_BLOB_ENDPOINT: blobEndpoint
      LEEWARD_TARGET_TABLE_ENDPOINT: tableEndpoint
      LEEWARD_KEY_VAULT_KEY_ID: keyId
      LEEWARD_ISSUER: '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
      LEEWARD_AUDIENCE: audience
      LEEWARD_PUBLIC_URL: 'https://${app.properties.defaultHostName}'
      LEEWARD_POINT_SCHEDULE: pointSchedule
      OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint
    }
  }
}

output hostName string = app.properties.defaultHostName
