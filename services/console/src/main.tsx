import { render } from "preact";
import { App } from "./app";
import { askWhenUnknown, begin } from "./enter";
import { followHistory } from "./router";
import "./styles/index.css";

const root = document.getElementById("console");
if (root === null) throw new Error("the page has no place for the console");
followHistory();
askWhenUnknown();
void begin();
render(<App />, root);
