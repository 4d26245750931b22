import { render } from "preact";
import { App } from "./app";
import { begin } from "./caller";
import { followHistory } from "./router";
import "./styles/index.css";

const root = document.getElementById("console");
if (root === null) throw new Error("the page has no place for the console");
followHistory();
void begin();
render(<App />, root);
