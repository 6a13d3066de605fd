// Tells the app that a virtual machine, or its tags, was written somewhere in the subscription. What is done about it, the app
// decides by reading the machine: functions/tag-events.ts.
targetScope = 'subscription'

param name string
param endpoint string
param audience string

resource subscriptionEvents 'Microsoft.EventGrid/eventSubscriptions@2025-02-15' = {
  name: '${name}-tags'
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: '${endpoint}/events'
        azureActiveDirectoryApplicationIdOrUri: audience
        azureActiveDirectoryTenantId: subscription().tenantId
        maxEventsPerBatch: 10
        preferredBatchSizeInKilobytes: 64
        minimumTlsVersionAllowed: '1.2'
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Resources.ResourceWriteSuccess']
      advancedFilters: [
        {
          operatorType: 'StringIn'
          key: 'data.operationName'
          values: ['Microsoft.Compute/virtualMachines/write', 'Microsoft.Resources/tags/write']
        }
      ]
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}
