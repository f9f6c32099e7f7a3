"""Invoices, credit notes, receipts, and what they say of a tenant."""

from django.urls import path

from frontend.invoices.views import (
    billing_details,
    invoice_files,
    invoice_lines,
    invoices,
    receipts,
)

urlpatterns = [
    path("invoices/", invoices.invoices, name="invoices"),
    path("invoices/<int:invoice_id>/", invoices.invoice, name="invoice"),
    path(
        "invoices/<int:invoice_id>/pdf/", invoice_files.invoice_pdf, name="invoice_pdf"
    ),
    path(
        "invoices/<int:invoice_id>/csv/", invoice_files.invoice_csv, name="invoice_csv"
    ),
    path(
        "invoices/<int:invoice_id>/json/",
        invoice_files.invoice_json,
        name="invoice_json",
    ),
    path(
        "invoices/<int:invoice_id>/receipts/",
        receipts.invoice_receipts,
        name="invoice_receipts",
    ),
    path(
        "invoices/<int:invoice_id>/receipts/csv/",
        receipts.invoice_receipts_csv,
        name="invoice_receipts_csv",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/",
        invoice_lines.invoice_line,
        name="invoice_line",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/check/",
        invoice_lines.check_line,
        name="check_line",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/days/<slug:day>/",
        invoice_lines.line_day,
        name="line_day",
    ),
    path(
        "invoices/<int:invoice_id>/lines/<int:line_id>/hours/<slug:hour>/",
        invoice_lines.line_hour,
        name="line_hour",
    ),
    path("receipts/<int:sequence>/", receipts.receipt, name="receipt"),
    path("receipts/<int:sequence>/json/", receipts.receipt_json, name="receipt_json"),
    path("credit-notes/<int:note_id>/", invoices.credit_note, name="credit_note"),
    path(
        "credit-notes/<int:note_id>/pdf/",
        invoice_files.credit_note_pdf,
        name="credit_note_pdf",
    ),
    path(
        "credit-notes/<int:note_id>/json/",
        invoice_files.credit_note_json,
        name="credit_note_json",
    ),
    path("settings/billing/", billing_details.billing_details, name="billing_details"),
    path(
        "operator/invoices/<int:invoice_id>/pdf/",
        invoice_files.operator_invoice_pdf,
        name="operator_invoice_pdf",
    ),
]
