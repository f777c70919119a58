import type { RecipePart } from "../recipe.ts";
import { CNI_RECIPES } from "./cni.ts";
import { CONNTRACK_REPLAYS } from "./conntrackReplays.ts";
import { DNS_REPLAYS } from "./dnsReplays.ts";
import { SERVICE_RECIPES } from "./services.ts";

export const PARTS: readonly RecipePart[] = [
  {
    title: "The VPC CNI and the VPC",
    text: "What becomes of packets between pods, nodes, ENIs and what lies beyond the VPC.",
    recipes: CNI_RECIPES,
  },
  {
    title: "Services and conntrack",
    text: "What kube-proxy's rules and conntrack make of packets to services, and back.",
    recipes: [...SERVICE_RECIPES, ...CONNTRACK_REPLAYS],
  },
  {
    title: "DNS",
    text: "Questions of pods on their way to whoever answers them.",
    recipes: DNS_REPLAYS,
  },
];
