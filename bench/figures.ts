// The table of figures, in the order in which they run.
import { append } from "./append.ts";
import { bulk, cat } from "./bulk.ts";
import { clients } from "./clients.ts";
import { content } from "./content.ts";
import type { Figure } from "./figure.ts";
import { flights } from "./flights.ts";
import { follow, followers } from "./follow.ts";
import { growth } from "./growth.ts";
import { nushell } from "./nushell.ts";
import { reads } from "./reads.ts";
import { start } from "./start.ts";

export const FIGURES: readonly Figure[] = [
  append,
  bulk,
  cat,
  reads,
  clients,
  follow,
  nushell,
  followers,
  start,
  content,
  growth,
  flights,
];
