import { MemoryDevice } from "../../../src/device/memory.ts";
import { VerifyDevice } from "../../../src/device/verify.ts";
import { VNET_BEFORE } from "../../../src/plane/packet.ts";
import { DEVICE_INDEX, deviceCompliance, type Harness, MTU } from "./compliance.ts";

function openMemory(wrap: (device: MemoryDevice) => Harness["device"]): Harness {
  const memory = new MemoryDevice("eth0", MTU, DEVICE_INDEX);
  return {
    device: wrap(memory),
    inject(packet) {
      const bytes = new Uint8Array(VNET_BEFORE + packet.length);
      bytes.set(packet, VNET_BEFORE);
      memory.inject(bytes);
      bytes.fill(0);
    },
    drain: () => memory.drain().map((bytes) => bytes.slice(VNET_BEFORE)),
    dispose() {},
  };
}

deviceCompliance("MemoryDevice", () => openMemory((memory) => memory));
deviceCompliance("VerifyDevice around it", () => openMemory((memory) => new VerifyDevice(memory)));
