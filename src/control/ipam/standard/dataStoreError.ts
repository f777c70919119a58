/** ipamd's own words (amazon-vpc-cni-k8s pkg/ipamd/datastore/data_store.go). */
export const DATA_STORE_ERRORS = {
  duplicateEni: "data store: duplicate ENI",
  duplicateIp: "datastore: IP already in data store",
  unknownIp: "datastore: unknown IP",
  ipInUse: "datastore: IP is used and can not be deleted",
  eniInUse: "datastore: ENI is used and can not be deleted",
  unknownEni: "datastore: unknown ENI",
  addToUnknownEni: "add ENI's IP to datastore: unknown ENI",
  unknownPod: "datastore: unknown pod",
  noAddress: "AssignPodIPAddress: no available IP/Prefix addresses",
} as const;

export class DataStoreError extends Error {}
