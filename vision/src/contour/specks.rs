//! Takes specks out of a map: what is too small to be part of a face, such as the noise of a network's output.

use super::grid::Grid;
use super::map::MAX_REGIONS;

/// Drops every part of a region that has fewer than `least_area` cells, diagonal neighbours counted as one part, and
/// says how many there were. A dropped part goes to the region (or background) that it has the longest border with, so
/// that it leaves no hole; a part among nothing but specks becomes background.
///
/// The work does not grow with the size of parts: a search ends when it has seen enough, or has met something kept.
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

/// What is known of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Of the rim.
    Outside,
    Unseen,
    /// In the part that is looked at.
    Gathered,
    /// Background, or in a part that is large enough.
    Kept,
    Speck,
}

struct Search {
    least_area: usize,
    states: Vec<State>,
    /// The cells of the part that is looked at.
    part: Vec<usize>,
    /// Steps to the eight cells around one; the first four share a side with it.
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

    /// Gathers the cells of the part around an unseen cell, as far as is needed to say what it is: kept, when there are
    /// enough cells or when it holds a cell already known to be kept. Around a cell of a speck, gathers the speck.
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

    /// Gives the cells of a speck to the kept neighbour with the longest common border.
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
