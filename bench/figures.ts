// The table of figures, in the order in which they run.
import { append } from "./append.ts";
import type { Figure } from "./figure.ts";

export const FIGURES: readonly Figure[] = [append];
