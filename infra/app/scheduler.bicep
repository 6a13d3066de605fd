// Durable Task Scheduler as the backend of orchestrations, instead of the target account's queues and tables.
param schedulerName string
param location string
param principalId string
param tags object

var durableTaskDataContributor = '0ad04412-c4d5-4796-b79c-f76d14c8d402'

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' = {
  name: schedulerName
  location: location
  tags: tags
  // Any address may connect, with a token of the app's identity: a Flex Consumption app has no fixed one.
  properties: { ipAllowlist: ['0.0.0.0/0'], sku: { name: 'Consumption' } }
}

// TASKHUB_NAME of the app.
resource hub 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' = {
  parent: scheduler
  name: 'leeward1'
}

resource assignment 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: scheduler
  name: guid(scheduler.id, principalId, durableTaskDataContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', durableTaskDataContributor)
  }
}

output endpoint string = scheduler.properties.endpoint
