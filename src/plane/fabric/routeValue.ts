/** Bits of a VPC route table's value that hold the target (TARGET_* of rows.ts); the row's `arg` is above. */
export const TARGET_BITS = 4;
export const TARGET_MASK = (1 << TARGET_BITS) - 1;
