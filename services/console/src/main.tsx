import { render } from "preact";
import { App } from "./app";
import { askWhenBack, askWhenUnknown, begin } from "./enter";
import { followHistory } from "./router";
import "./styles/index.css";

const root = document.getElementById("console");
if (root === null) throw new Error("the page has no place for the console");
followHistory();
askWhenUnknown();
askWhenBack();
void begin();
render(<App />, root);
