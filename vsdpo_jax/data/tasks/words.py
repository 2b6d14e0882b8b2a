"""The vocabulary of the generated chart tasks: what is measured, over which categories, in which unit.

Titles are made of one subject and one group, so a (subject, group) pair identifies the titles that can be made of
it; `chart.SPLITS` divides the pairs between the splits.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured: its `name`, the `unit` on the value axis, and values `low`..`high` in steps of `step`."""

    name: str
    unit: str
    low: int
    high: int
    step: int = 1


@dataclasses.dataclass(frozen=True)
class Group:
    """Categories of one sort: `name` (singular, as in "Sales by city") and its `words`."""

    name: str
    words: tuple[str, ...]


SUBJECTS = (
    Subject("Sales", "units", 12, 95),
    Subject("Revenue", "USD", 120, 950, 10),
    Subject("Visitors", "people", 1200, 9500, 100),
    Subject("Orders", "orders", 15, 98),
    Subject("Energy use", "kWh", 150, 900, 10),
    Subject("Water use", "litres", 20, 90),
    Subject("Costs", "EUR", 110, 980, 10),
    Subject("Demand", "tons", 10, 99),
    Subject("Average rating", "points", 12, 50),
    Subject("Growth", "percent", 5, 48),
    Subject("Complaints", "cases", 11, 88),
    Subject("Waiting time", "minutes", 5, 60),
    Subject("Exports", "tons", 1000, 9000, 100),
    Subject("Net profit", "USD", 100, 990, 10),
    Subject("Deliveries", "parcels", 14, 96),
    Subject("Survey votes", "votes", 10, 97),
    Subject("Stock level", "boxes", 20, 99),
    Subject("Market share", "percent", 6, 45),
)

GROUPS = (
    Group("city", ("Oslo", "Rome", "Lima", "Cairo", "Paris", "Berlin", "Madrid", "Chicago", "Singapore", "Copenhagen")),
    Group("month", ("Jan", "Feb", "Mar", "May", "Jun", "August", "September", "October", "November", "December")),
    Group("fruit", ("Apple", "Pear", "Fig", "Kiwi", "Lemon", "Mango", "Grape", "Banana", "Strawberry", "Blueberry")),
    Group("team", ("Red", "Blue", "Lions", "Bears", "Eagles", "Sharks", "Tigers", "Falcons", "Warriors", "Panthers")),
    Group(
        "country",
        ("Peru", "Chile", "India", "Japan", "Norway", "France", "Brazil", "Germany", "Portugal", "New Zealand"),
    ),
    Group("day", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Monday", "Thursday", "Saturday", "Sunday")),
    Group(
        "product", ("Lamp", "Desk", "Chair", "Phone", "Tablet", "Laptop", "Camera", "Printer", "Keyboard", "Monitor")
    ),
    Group(
        "department",
        ("HR", "IT", "Legal", "Sales", "Design", "Finance", "Support", "Research", "Marketing", "Engineering"),
    ),
    Group(
        "drink", ("Tea", "Milk", "Juice", "Water", "Coffee", "Cocoa", "Lemonade", "Espresso", "Smoothie", "Iced tea")
    ),
    Group(
        "sport",
        ("Golf", "Rugby", "Tennis", "Rowing", "Hockey", "Soccer", "Cycling", "Swimming", "Basketball", "Volleyball"),
    ),
    Group("vehicle", ("Car", "Bus", "Van", "Tram", "Bike", "Truck", "Train", "Ferry", "Scooter", "Airplane")),
    Group(
        "store",
        ("North", "South", "East", "West", "Centre", "Harbour", "Airport", "Old Town", "Riverside", "University"),
    ),
)

TITLES = (
    "{subject} by {group}",
    "{subject} per {group}",
    "{subject} by {group}, {year}",
    "{subject} for each {group}",
    "Total {lower} by {group} in {year}",
    "Change of {lower} per {group}",
)

YEARS = ("2021", "2022", "2023")

# Hundreds of series and notes: of a handful, a model guesses one instead of learning to look it up.
WORDS = tuple(sorted({word for group in GROUPS for word in group.words}))
SERIES = ("2021", "2022", "2023", "Plan", "Actual", "Forecast", *WORDS)
NOTES = tuple(f"record: {word}" for word in WORDS)
