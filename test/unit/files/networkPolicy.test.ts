import { describe, expect, it } from "vitest";
import { LabError, problemText } from "../../../src/lab/files/labError.ts";
import { readObjectFiles } from "../../../src/lab/files/readObjects.ts";

const POLICY = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: web, namespace: shop }
spec:
  podSelector: { matchLabels: { app: web } }
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {}
          ipBlock: { cidr: 10.0.0.0/8 }
      ports:
        - port: 8090
          endPort: 8080
        - { protocol: ICMP }
  egress:
    - to:
        - ipBlock:
            cidr: 10.0.0.0/8
            except:
              - 192.168.0.0/16
`;

describe("problems of a NetworkPolicy", () => {
  it("are the API server's own, each with file, line, column and path", () => {
    let texts: string[] = [];
    try {
      readObjectFiles([{ file: "policy.yaml", text: POLICY }]);
    } catch (error) {
      if (!(error instanceof LabError)) throw error;
      texts = error.problems.map(problemText);
    }
    expect(texts).toEqual([
      "policy.yaml:9:11: spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
      "policy.yaml:13:11: spec.ingress[0].ports[0].endPort: Invalid value: 8090: must be greater than or equal to `port`",
      'policy.yaml:14:13: spec.ingress[0].ports[1].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
      'policy.yaml:20:17: spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "192.168.0.0/16": must be a strict subset of `cidr`',
    ]);
  });
});
