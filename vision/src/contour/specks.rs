//! Removes specks from a map: parts too small to belong to a face, such as noise in a network's output.

use super::grid::Grid;
use super::map::MAX_REGIONS;

/// Removes every part of a region that has fewer than `least_area` cells, where diagonal neighbours are connected, and
/// returns their number. A removed part is added to the region (or background) with which it has the longest border, so
/// that it leaves no hole; a part surrounded only by specks becomes background.
///
/// The work does not grow with the size of parts: a search ends when it has found enough cells, or a cell that is kept.
pub(super) fn drop_specks(grid: &mut Grid, least_area: usize) -> usize {
    let mut search = Search::over(grid, least_area);
    for start in 0..grid.cells().len() {
        if search.states[start] == State::Unseen {
            let state = search.gather(grid, start);
            search.settle(state);
        }
    }
    let mut count = 0;
    for start in 0..grid.cells().len() {
        if search.states[start] == State::Speck {
            search.gather(grid, start);
            search.give_away(grid);
            count += 1;
        }
    }
    count
}

/// The state of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the margin.
    Outside,
    Unseen,
    /// In the part that is being examined.
    Gathered,
    /// Background, or in a part that is large enough.
    Kept,
    Speck,
}

struct Search {
    least_area: usize,
    states: Vec<State>,
    /// The cells of the part that is being examined.
    part: Vec<usize>,
    /// Offsets of the eight neighbours of a cell; the first four share a side with it.
    steps: [isize; 8],
}

impl Search {
    fn over(grid: &Grid, least_area: usize) -> Self {
        let mut states = vec![State::Outside; grid.cells().len()];
        for y in 0..grid.height() {
            let row = grid.index(0, y)..grid.index(grid.width(), y);
            for (state, cell) in states[row.clone()].iter_mut().zip(&grid.cells()[row]) {
                *state = if *cell == 0 { State::Kept } else { State::Unseen };
            }
        }
        let row = grid.stride().cast_signed();
        let steps = [-row, -1, 1, row, -row - 1, -row + 1, row - 1, row + 1];
        Self { least_area, states, part: Vec::new(), steps }
    }

    /// Collects the cells of the part around an unseen cell, as far as needed to decide: it is kept if there are enough
    /// cells or one of them is already known to be kept. Otherwise it is a speck, and all its cells are collected.
    fn gather(&mut self, grid: &Grid, start: usize) -> State {
        let (region, state) = (grid.cells()[start], self.states[start]);
        self.part.clear();
        self.add(start);
        let mut next = 0;
        while let Some(&cell) = self.part.get(next) {
            next += 1;
            if state == State::Unseen && self.part.len() >= self.least_area {
                return State::Kept;
            }
            for neighbour in self.steps.map(|step| cell.wrapping_add_signed(step)) {
                if grid.cells()[neighbour] != region {
                    continue;
                }
                if self.states[neighbour] == state {
                    self.add(neighbour);
                } else if state == State::Unseen && self.states[neighbour] == State::Kept {
                    return State::Kept;
                }
            }
        }
        State::Speck
    }

    fn add(&mut self, cell: usize) {
        self.states[cell] = State::Gathered;
        self.part.push(cell);
    }

    fn settle(&mut self, state: State) {
        for &cell in &self.part {
            self.states[cell] = state;
        }
    }

    /// Adds the cells of a speck to the kept neighbour with the longest common border.
    fn give_away(&mut self, grid: &mut Grid) {
        let mut borders = [0_usize; MAX_REGIONS + 1];
        for &cell in &self.part {
            for neighbour in self.steps[..4].iter().map(|step| cell.wrapping_add_signed(*step)) {
                if self.states[neighbour] == State::Kept {
                    borders[usize::from(grid.cells()[neighbour])] += 1;
                }
            }
        }
        let longest = borders.iter().copied().max().unwrap_or(0);
        let heir =
            if longest == 0 { 0 } else { borders.iter().position(|&length| length == longest).unwrap_or(0) };
        for &cell in &self.part {
            grid.cells_mut()[cell] = heir as u8;
        }
        self.settle(State::Kept);
    }
}
