import { applications } from "./de/applications";
import { frame } from "./de/frame";
import { operating } from "./de/operating";
import { switching } from "./de/switching";
import { tenants } from "./de/tenants";
import type { Texts } from "./en";

/** Every text of the console in German. */
export const de: Texts = {
  language: "de",
  languageName: "Deutsch",
  ...frame,
  ...applications,
  ...switching,
  ...tenants,
  ...operating,
};
