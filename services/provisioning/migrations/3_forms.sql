-- Forms of consent pages that have decided. A form decides once; a row is kept until no form of its
-- hour is left.
create table forms (
    -- SHA-256 of the form's token, lower-case hex.
    form_hash text not null primary key,
    choice text not null check (choice in ('accept', 'deny')),
    used_at bigint not null
);

create index forms_used on forms (used_at);
