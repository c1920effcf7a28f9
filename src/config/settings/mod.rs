//! Settings from the files that Web Connection reads.

mod document;
mod file;
mod flaw;
mod folder;
mod lines;
mod link;
mod load;
mod options;
mod xml;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
