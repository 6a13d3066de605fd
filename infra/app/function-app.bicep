// Flex Consumption, Node 22. The package is the esbuild bundle: no node_modules.
param appName string
param location string
param identityId string
param identityClientId string
param accountName string
param deploymentContainer string
param keyId string
param connectionString string
param subnetId string
param schedulerEndpoint string
param platformAuthentication bool
param alwaysReady int
param audience string
param pointSchedule string
param otlpEndpoint string
param tagTargetGroup string
param peerUrl string
param tags object

var blobEndpoint = 'https://${accountName}.blob.${environment().suffixes.storage}'
var queueEndpoint = 'https://${accountName}.queue.${environment().suffixes.storage}'
var tableEndpoint = 'https://${accountName}.table.${environment().suffixes.storage}'
var issuer = '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
var taskHub = 'leeward1'

// Names that Azure gives its clouds, and those of this app's settings.
var clouds = { AzureCloud: 'public', AzureUSGovernment: 'usGovernment', AzureChinaCloud: 'china' }

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: appName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: { name: 'FC1', tier: 'FlexConsumption' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: appName
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${blobEndpoint}/${deploymentContainer}'
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identityId }
        }
      }
      runtime: { name: 'node', version: '22' }
      scaleAndConcurrency: {
        instanceMemoryMB: 2048
        maximumInstanceCount: 40
        alwaysReady: alwaysReady == 0 ? [] : [{ name: 'durable', instanceCount: alwaysReady }]
      }
    }
  }
}

var always = {
  AzureWebJobsStorage__blobServiceUri: blobEndpoint
  AzureWebJobsStorage__queueServiceUri: queueEndpoint
  AzureWebJobsStorage__tableServiceUri: tableEndpoint
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: connectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  TASKHUB_NAME: taskHub
  // V8 counts the bytes of buffers as heap and would collect a small heap for every few of them: docs/benchmarks.md.
  languageWorkers__node__arguments: '--initial-old-space-size=512'
  LEEWARD_CLIENT_ID: identityClientId
  LEEWARD_ARM_ENDPOINT: environment().resourceManager
  LEEWARD_ARM_AUDIENCE: environment().authentication.audiences[0]
  LEEWARD_CLOUD: clouds[environment().name]
  LEEWARD_SUBSCRIPTION_ID: subscription().subscriptionId
  LEEWARD_REGION: toLower(replace(location, ' ', ''))
  LEEWARD_TARGET_BLOB_ENDPOINT: blobEndpoint
  LEEWARD_TARGET_TABLE_ENDPOINT: tableEndpoint
  LEEWARD_KEY_VAULT_KEY_ID: keyId
  LEEWARD_ISSUER: issuer
  LEEWARD_AUDIENCE: audience
  LEEWARD_PUBLIC_URL: 'https://${app.properties.defaultHostName}'
  LEEWARD_POINT_SCHEDULE: pointSchedule
  LEEWARD_RESOURCE_GROUP: resourceGroup().name
}
var collected = empty(otlpEndpoint) ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint }
var paired = empty(peerUrl) ? {} : { LEEWARD_PEER_URL: peerUrl }
var byTag = empty(tagTargetGroup) ? {} : { LEEWARD_TAG_TARGET_GROUP: tagTargetGroup }
// host.json stays as it is: settings of this form go before it.
var scheduled = empty(schedulerEndpoint)
  ? {}
  : {
      AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
      AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
      DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'
    }

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(always, collected, byTag, paired, scheduled)
}

// The app checks every token itself, by role; this turns away what has none before an instance wakes up for it.
resource authentication 'Microsoft.Web/sites/config@2025-03-01' = if (platformAuthentication) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      // Says nothing that is not public. The portal's files ask for a token, and send it with each call.
      excludedPaths: ['/health', '/portal', '/portal/*']
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: { clientId: audience, openIdIssuer: issuer }
        validation: { allowedAudiences: [audience, 'api://${audience}'] }
      }
    }
    login: { tokenStore: { enabled: false } }
    httpSettings: { requireHttps: true }
  }
}

output hostName string = app.properties.defaultHostName
