//! One table in every form.
//!
//!     cargo run --release --example table

use cutpoint::table::{Form, Table};

fn main() {
    let accuracies = [(0.001, 4, 0.8487), (0.01, 5, 0.9267)];
    let table = (Table::of(&accuracies).fraction("percentage", |row| row.0).titled("data"))
        .cut("cut", |row| row.1)
        .number("median", 3, |row| row.2)
        .marked(|row| row.2 > 0.9)
        .done()
        .note("medians over repeats; above 0.9 marked");
    for form in Form::ALL {
        println!("{form}:\n{}\n", table.to(form).trim_end());
    }
}
