import { applications } from "./en/applications";
import { frame } from "./en/frame";
import { operating } from "./en/operating";
import { switching } from "./en/switching";
import { tenants } from "./en/tenants";

/** Every text of the console in English; the other languages have the same. */
export const en = {
  language: "en",
  languageName: "English",
  ...frame,
  ...applications,
  ...switching,
  ...tenants,
  ...operating,
};

/** The texts that a language must have. */
export type Texts = typeof en;
