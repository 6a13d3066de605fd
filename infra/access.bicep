// The app's rights in one resource group: where machines are protected (source), or where they fail over to (target).
// Both, where machines shall come back. Deployed once for each group; deleting the assignments takes the rights back.
targetScope = 'resourceGroup'

@description('Output LEEWARD_PRINCIPAL_ID of main.bicep.')
param principalId string

@description('The name that main.bicep was deployed with.')
param name string = 'leeward'

@description('What the group is.')
@allowed(['source', 'target'])
param role string

var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var blobDelegator = 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'

// Accounts that enablement makes here are not known yet, so the right is to a container's name in any account of the group.
var blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs'
var everyBlobAction = '!(ActionMatches{\'${blobs}/read\'}) AND !(ActionMatches{\'${blobs}/write\'}) AND !(ActionMatches{\'${blobs}/add/action\'}) AND !(ActionMatches{\'${blobs}/delete\'}) AND !(ActionMatches{\'${blobs}/move/action\'})'
var ours = '@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals \'leeward\''

resource custom 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, role)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      guid(subscription().id, name, role)
    )
  }
}

resource data 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, blobDataContributor)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
    condition: '((${everyBlobAction}) OR (${ours}))'
    conditionVersion: '2.0'
  }
}

resource delegation 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (role == 'source') {
  name: guid(resourceGroup().id, principalId, blobDelegator)
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDelegator)
  }
}
