"""Formulas with numbers computed by hand."""

import numpy as np
import pytest

from services.ingest.domain.means import formulas


@pytest.mark.parametrize(
    ("value", "decimals", "expected"),
    [
        (2.665, 2, 2.66), (2.675, 2, 2.68), (2.6650001, 2, 2.67), (0.5, 0, 0.0), (1.5, 0, 2.0), (2.5, 0, 2.0),
        (-1.25, 1, -1.2), (14.84, 1, 14.8), (14.86, 1, 14.9), (1e-9, 3, 0.0),
    ],
)  # fmt: skip
def test_rounding_is_half_to_even_on_decimal_digits(value: float, decimals: int, expected: float) -> None:
    assert formulas.rounded(value, decimals) == expected


def test_standard_state_and_dry_conversion() -> None:
    # 100 mg/m³ at 120 °C, −325 Pa against 101,325 Pa outside: ×101325/101000 ×393/273 = ×1.003217822 ×1.439560440
    assert formulas.standard_state(100.0, 120.0, -325.0, 101_325.0) == pytest.approx(144.419269, abs=1e-5)
    # 8 % moisture: 144.419269/0.92
    assert formulas.dry(144.419269, 0.08) == pytest.approx(156.977466, abs=1e-5)
    # 50 m³/s at the same state: 50 × 273/393 × 101000/101325 × 0.92 = 50 × 0.694656489 × 0.996792499 × 0.92
    assert formulas.standard_flow(50.0, 120.0, -325.0, 0.08, 101_325.0) == pytest.approx(31.851704, abs=1e-5)
    assert formulas.standard_state(np.array([100.0]), np.array([0.0]), np.array([0.0]), 101_325.0).tolist() == [100.0]


def test_converted_concentration_by_oxygen_and_by_alpha() -> None:
    # 30·(21−6)/(21−9) = 37.5; α = 21/12 = 1.75, αs = 1.4: 30·1.75/1.4 = 37.5
    assert formulas.converted(30.0, 9.0, reference=6.0) == pytest.approx(37.5)
    assert formulas.converted(30.0, 9.0, reference=None, alpha=1.4) == pytest.approx(37.5)
    assert formulas.converted(30.0, 9.0, reference=None) is None


@pytest.mark.parametrize("oxygen", [21.0, 21.4])
def test_no_conversion_from_21_percent_oxygen_on(oxygen: float) -> None:
    assert formulas.converted(30.0, oxygen, reference=6.0) is None
    assert formulas.converted(30.0, oxygen, reference=None, alpha=1.4) is None


def test_volumes_emissions_and_rates() -> None:
    # 12.5 L/s for an hour are 45 m³; 40 mg/L in 45 m³ are 1.8 kg; 33.5 mg/m³ in 151,200 m³/h are 5.0652 kg/h
    assert formulas.water_volume(12.5) == 45.0
    assert formulas.mean_flow(45.0) == 12.5
    assert formulas.water_emission(40.0, 45.0) == pytest.approx(1.8)
    assert formulas.gas_rate(33.5, 151_200.0) == pytest.approx(5.0652)
    # SO2 10 ppm: 64/22.4·10 = 28.571; NOx: 30 NO ·46/30 + 4 NO2 = 50
    assert formulas.mass_concentration(10.0, 64.0) == pytest.approx(28.571429)
    assert formulas.nox_as_no2(30.0, 4.0) == pytest.approx(50.0)


def test_ph_is_never_averaged_linearly() -> None:
    values = np.array([6.0, 7.0, 8.0, 8.0])
    # mean activity (1e-6 + 1e-7 + 2e-8)/4 = 2.8e-7 → 6.5528
    assert formulas.ph_mean(values, by_median=True) == 7.5
    assert formulas.ph_mean(values, by_median=False) == pytest.approx(6.552842, abs=1e-6)
