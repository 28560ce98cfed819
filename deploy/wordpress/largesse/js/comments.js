/*
 * comments.js - puts new comments on the open post.
 *
 * The HTML of a comment is what the theme made of it on the server.  A comment goes to
 * the end of its list, or to its beginning where the newest come first; an answer goes
 * under its comment.
 */
( function () {
	const { topic, newestFirst } = window.largesseComments;
	const { __, sprintf } = wp.i18n;
	const seen = new Set();

	function element( html ) {
		const template = document.createElement( 'template' );
		template.innerHTML = html; // No script in it is run.
		return template.content.firstElementChild;
	}

	/* The element of a comment.  Themes call it comment-7 or li-comment-7, or div-comment-7. */
	const find = ( id ) => [ 'li-comment-', 'comment-', 'div-comment-' ]
		.map( ( name ) => document.getElementById( name + id ) ).find( Boolean );

	/* The item of the list that a comment is: what stands in the list, whichever part has the id. */
	function item( id ) {
		const found = find( id );
		return found && ( found.closest( 'li' ) || found );
	}

	/* The list of the comments that answer the post. */
	function list() {
		const known = document.querySelector( '.wp-block-comment-template, ol.comment-list, ol.commentlist, ul.comment-list, ul.commentlist, .comment-list' );
		if ( known ) {
			return known;
		}
		const first = [ ...document.querySelectorAll( '[id^="comment-"], [id^="li-comment-"]' ) ]
			.find( ( one ) => /^(li-)?comment-\d+$/.test( one.id ) );
		if ( first ) {
			return ( first.closest( 'li' ) || first ).parentElement;
		}
		return newList();
	}

	/* The post has no comments yet, and its theme no list. */
	function newList() {
		const form = document.getElementById( 'respond' );
		const isBlock = form && form.closest( '.wp-block-comments, .wp-block-comments-query-loop, .wp-block-post-comments' );
		const made = document.createElement( 'ol' );
		made.className = isBlock ? 'wp-block-comment-template' : 'comment-list';
		if ( form ) {
			form.before( made );
		} else {
			( document.getElementById( 'comments' ) || document.querySelector( 'main, article' ) || document.body ).append( made );
		}
		return made;
	}

	/* The list of the answers to a comment. */
	function answers( parent ) {
		const there = [ ...parent.children ].find( ( child ) => /^(OL|UL)$/.test( child.tagName ) ) ||
			parent.querySelector( '.children' );
		if ( there ) {
			return there;
		}
		const made = document.createElement( parent.parentElement.tagName === 'UL' ? 'ul' : 'ol' );
		if ( ! parent.closest( '.wp-block-comment-template' ) ) {
			made.className = 'children';
			parent.classList.add( 'parent' );
		}
		parent.append( made );
		return made;
	}

	function show( comment ) {
		const made = element( comment.html );
		if ( ! made ) {
			return;
		}
		const old = item( comment.id );
		style( comment.id, comment.css );
		if ( old ) {
			if ( seen.has( comment.id ) || isOther( old, made ) ) {
				replace( old, made );
			}
			seen.add( comment.id );
			return;
		}
		seen.add( comment.id );
		const parent = comment.parent && item( comment.parent );
		if ( parent ) {
			answers( parent ).append( made );
		} else if ( newestFirst ) {
			list().prepend( made );
		} else {
			list().append( made );
		}
		made.classList.add( 'largesse-new' );
		/* translators: %s: the name of a person */
		tell( sprintf( __( 'A new comment by %s', 'largesse' ), comment.author ) );
	}

	/* The rules for the blocks in a comment, if its theme has blocks. */
	function style( id, css ) {
		const name = 'largesse-style-' + id;
		if ( css && ! document.getElementById( name ) ) {
			const made = document.createElement( 'style' );
			made.id = name;
			made.textContent = css;
			document.head.append( made );
		}
	}

	const words = ( one ) => one.querySelector( '.comment-content, .wp-block-comment-content' )?.textContent.trim();

	function isOther( old, made ) {
		const copy = old.cloneNode( true );
		copy.querySelectorAll( '.children, :scope > ol, :scope > ul' ).forEach( ( list ) => list.remove() );
		return words( copy ) !== words( made );
	}

	/* The text of a comment was changed: what answers it stays. */
	function replace( old, made ) {
		const kept = [ ...old.children ].find( ( child ) => /^(OL|UL)$/.test( child.tagName ) );
		if ( kept ) {
			made.append( kept );
		}
		old.replaceWith( made );
	}

	function remove( id ) {
		const old = item( id );
		if ( old && ! old.contains( document.activeElement ) ) {
			old.remove();
		}
	}

	/* For those who do not see the page. */
	let region = null;
	function tell( text ) {
		if ( ! region ) {
			region = document.createElement( 'div' );
			region.className = 'largesse-said';
			region.setAttribute( 'role', 'status' );
			document.body.append( region );
		}
		region.textContent = text;
	}

	largesse.on( topic, 'comment', ( event ) => show( JSON.parse( event.data ) ) );
	largesse.on( topic, 'comment-gone', ( event ) => remove( JSON.parse( event.data ).id ) );
}() );
