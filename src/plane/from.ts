/** Where a packet enters a node: from a pod's device, by an ENI, or from the node's own host namespace (OUTPUT). */
export const FROM_POD = 0;
export const FROM_ENI = 1;
export const FROM_HOST = 2;
