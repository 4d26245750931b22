//! The pages, as browsers and scanners use them.
