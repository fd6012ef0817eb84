//! A worker on in-process services and a store in a folder, with children that play parts and with the real one.

mod alone;
mod cost;
mod deadline;
mod faults;
mod hung;
mod ledger;
mod life;
mod logs;
mod lost;
mod notices;
mod overlap;
mod races;
mod real;
mod records;
mod site;
mod slots;
mod switch;
