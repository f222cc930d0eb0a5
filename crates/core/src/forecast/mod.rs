//! Where storage and its bill go, month by month. Pure: what day it is and how fast things grow are arguments.

mod form;

pub use form::{Convention, Course, Forecast, ForecastMonth};
